import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT } from './paths.ts';

const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : []));
const PAGES = [...pagesIn('.'), ...pagesIn('docs'), ...pagesIn('docs/decisions'), 'libs/publisher/README.md'];
/** A decision may name a file that was there when it was made. */
const PRESENT = PAGES.filter((page) => !page.includes('decisions/0'));

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
/** Without code, where brackets and # mean other things. */
const proseOf = (page: string): string => read(page).replace(/^ *```.*?^ *```$/gms, '');

/** As GitHub makes them of headings; one that comes twice gets a number. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(page).matchAll(/^#{1,6} +(.*)$/gm)) {
    const slug = (heading as string)
      .replace(/\[(.*?)\]\(.*?\)/g, '$1')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let i = 1; anchors.has(anchor); i += 1) anchor = `${slug}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Relative links of a page that lead nowhere. */
function brokenLinks(page: string): string[] {
  const links = [
    ...proseOf(page)
      .replace(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, link]) => link as string);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : relative(ROOT, join(ROOT, dirname(page), file));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsOf(target).has(anchor);
  });
}

/** Files of the tree that a page names in code, and that are not there. A name with a placeholder, a pattern or a folder of builds is none. */
const missingFiles = (page: string): string[] =>
  [...proseOf(page).matchAll(/`((?:apps|libs|test|tools|prisma|docs)\/[\w./-]+\.\w+)`/g)]
    .map(([, path]) => path as string)
    .filter((path) => !existsSync(join(ROOT, path)));

describe('the documents', () => {
  it('are found', () =>
    expect(PAGES).toEqual(
      expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/api.md', 'docs/decisions/README.md']),
    ));

  it.each(PAGES)('%s: every relative link and anchor is there', (page) => expect(brokenLinks(page)).toEqual([]));

  it.each(PRESENT)('%s: every file that it names is there', (page) => expect(missingFiles(page)).toEqual([]));

  it('the README is short, and leads to every page', () => {
    const text = read('README.md');
    expect(text.split(/\s+/).length).toBeLessThan(1000);
    for (const page of pagesIn('docs')) expect(text).toContain(`](${page})`);
  });

  it('the list of decisions is complete', () => {
    for (const page of pagesIn('docs/decisions').filter((name) => !name.endsWith('README.md'))) {
      const [, number, title] = /^# (\d{4}) (.*)$/m.exec(read(page)) ?? [];
      expect(read('docs/decisions/README.md')).toContain(
        `| [${number}](${page.slice('docs/decisions/'.length)}) | ${title} |`,
      );
    }
  });

  it('the table of configuration names every variable of .env.example, with its default', () => {
    const rows = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)` )?\|/gm)].map(
      ([, name, value]) => [name as string, value ?? ''] as const,
    );
    const example = read('.env.example');
    const defaults = parseEnv(example);
    const names = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name as string);
    expect(rows.map(([name]) => name).sort()).toEqual(names.sort());
    for (const [name, value] of rows) expect(value, name).toBe(defaults[name] ?? '');
  });
});
