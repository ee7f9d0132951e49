import { loadAddon } from '#libs/process';

/** Stands for a receiver of native/receiver.h, which is freed with it. */
export interface Handle {
  readonly receiver: unique symbol;
}

/** What native/module.c exports; see there. A Buffer that is returned holds records: records.ts. */
interface Native {
  makeReceiver(
    ssrc: number,
    cname: string,
    timeOrigin: number,
    midExtension: number,
    transportCcExtension: number,
    reducedSize: boolean,
  ): Handle;
  addFormat(
    receiver: Handle,
    mid: string,
    isVideo: boolean,
    payloadType: number,
    rtxPayloadType: number,
    clockRate: number,
    nack: boolean,
    codec: number,
  ): boolean;
  rtp(receiver: Handle, packet: Buffer, arrival: number, now: number): Buffer | undefined;
  rtcp(receiver: Handle, packet: Buffer, arrival: number): Buffer | undefined;
  batch(receiver: Handle, batch: Buffer, now: number, clock: number): Buffer | undefined;
  work(receiver: Handle, now: number): Buffer | undefined;
  deadline(receiver: Handle): number;
  requestKeyframe(receiver: Handle): Buffer | undefined;
  clear(receiver: Handle): void;
  figures(receiver: Handle): [number, number, number, number, number, number, number, number];
}

export const native = loadAddon<Native>('rtp');
