import { loadAddon } from '../../libs/process/src/load-addon.js';

/** SRTP of one session, in the native library. */
export type NativeSrtp = object & { readonly srtp: never };

/** What tools/test-srtp/native/test-srtp.c exports; profiles by their numbers in DTLS, master keys with their salts. */
interface TestSrtp {
  derive(profile: number, master: Buffer, label: number, length: number): Buffer | null;
  open(profile: number, peersMaster: Buffer, ourMaster: Buffer): NativeSrtp;
  openDerived(profile: number, key: Buffer, auth: Buffer, salt: Buffer): NativeSrtp;
  unprotect(srtp: NativeSrtp, packet: Buffer, isRtcp: boolean): Buffer | null;
  protectRtcp(srtp: NativeSrtp, packet: Buffer): Buffer | null;
  setRtcpIndex(srtp: NativeSrtp, index: number): void;
  encryptBody(srtp: NativeSrtp, ssrc: number, index: number, head: Buffer, body: Buffer): Buffer | null;
}

export const testSrtp = loadAddon<TestSrtp>('srtp');
