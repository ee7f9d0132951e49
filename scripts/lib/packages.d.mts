export interface Requirement {
  packages: string[];
  for: 'core' | 'demo' | 'tests';
  present: () => boolean;
}
export function requirements(): Requirement[];
