/** Reads what stands for yes and no in an environment variable; anything else stays, for the validator to refuse. */
export const flag = ({ value }: { value: unknown }): unknown =>
  value === 'true' || value === '1' ? true : value === 'false' || value === '0' || value === '' ? false : value;
