/** Figures as a node publishes them: the input's, and each transfer's by id. */
export interface LiveFigures {
  input: unknown;
  transfers: Record<string, unknown>;
}
