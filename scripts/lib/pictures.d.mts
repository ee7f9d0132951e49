/** Of an access unit in Annex B form. */
export function fingerprint(accessUnit: Buffer): string;
/** Places of the sent pictures that did not arrive between the first and the last one received. Throws when the order is not that of sending. */
export function missingPictures(sent: string[], received: string[]): number[];
