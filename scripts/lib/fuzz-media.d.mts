export interface FuzzReport {
  seed: number;
  sessions: number;
  packets: number;
  samples: number;
  tooLarge: number;
  errors: number;
  maxRssMb: number;
}
/** Pushes changed packets through the built pipeline code for so long. Rejects with what it threw. */
export function fuzzMedia(options: { seconds: number; seed: number; codec?: string | null; onProgress?: (line: string) => void }): Promise<FuzzReport>;
