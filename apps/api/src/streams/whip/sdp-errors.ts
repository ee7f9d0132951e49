import { BadRequestException, UnprocessableEntityException } from '@nestjs/common';
import { SdpError } from '#libs/sdp';

/** What a reader of SDP makes of a body. Throws 400 for what is no SDP and 422 for what cannot be served: the node checks by the same rules. */
export function mapSdpErrors<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SdpError)) throw error;
    throw error.kind === 'damaged'
      ? new BadRequestException(error.message)
      : new UnprocessableEntityException(error.message);
  }
}
