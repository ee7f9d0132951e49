import { variableNames } from './env.js';

/** Letters that may be wrong in a name of so many; in a short one, one letter makes another word. */
const wrongLetters = (length: number): number => (length < 8 ? 1 : 2);

/** A sentence for each variable that is not ours but looks as if it was meant to be one of ours: what nobody reads would else be missed in silence. */
export function misspeltVariables(source: NodeJS.ProcessEnv = process.env): string[] {
  const known = variableNames();
  return Object.keys(source).flatMap((name) => {
    if (known.includes(name) || known.includes(name.replace(/_FILE$/, ''))) return [];
    const meant = known.find((one) => isNear(name.toUpperCase(), one));
    return meant === undefined ? [] : [`the variable ${name} is not known and is ignored; did you mean ${meant}?`];
  });
}

function isNear(name: string, known: string): boolean {
  const isBeginning = name.includes('_') && known.startsWith(`${name}_`);
  return isBeginning || words(name) === words(known) || distance(name, known) <= wrongLetters(known.length);
}

const words = (name: string): string => name.split('_').toSorted().join('_');

/** Letters to insert, delete, replace or exchange with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  rows[0] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const exchanged =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      (rows[i] as number[])[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (isSame ? 0 : 1),
        exchanged,
      );
    }
  }
  return at(a.length, b.length);
}
