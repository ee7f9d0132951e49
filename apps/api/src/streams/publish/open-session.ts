import type { Prisma, PrismaService } from '#libs/db';
import { FIRST_MEDIA_MS } from '#libs/protocol';
import { refuse } from '../../http/problem.js';

/** The one that feeds the stream, and two that are being negotiated: each costs its node an ICE agent and a handful of threads. */
const MAX_OPEN = 3;
/** A pipeline gives up a session that brings no media for so long; of those that are older, only the one that feeds the stream can be open. */
const FIRST_MEDIA_S = FIRST_MEDIA_MS / 1000;

/**
 * Adds a session to a running stream. Those that ended, and those whose pipeline has given them up, do not count: so nobody
 * is kept out for longer than that takes. Throws 429 with Retry-After.
 */
export async function openSession(prisma: PrismaService, session: Prisma.SessionUncheckedCreateInput): Promise<void> {
  await prisma.$transaction(async (tx) => {
    // Locked, so that of several at once not each is the last that fits.
    const [stream] = await tx.$queryRaw<
      { isFed: boolean }[]
    >`SELECT state = 'live' AS "isFed" FROM streams WHERE id = ${session.streamId}::uuid FOR NO KEY UPDATE`;
    const open = await tx.$queryRaw<{ age: number }[]>`
      SELECT extract(epoch FROM clock_timestamp() - created_at)::float AS age FROM sessions WHERE stream_id = ${session.streamId}::uuid AND ended_at IS NULL`;
    const young = open.map(({ age }) => age).filter((age) => age < FIRST_MEDIA_S);
    const feeding = stream?.isFed && open.length > young.length ? 1 : 0;
    if (young.length + feeding >= MAX_OPEN) throw tooManySessions(FIRST_MEDIA_S - Math.max(...young));
    await tx.session.create({ data: session });
  });
}

const tooManySessions = (waitS: number): Error =>
  refuse(429, `This stream has ${MAX_OPEN} open sessions already.`, {
    code: 'too_many_sessions',
    detail: 'End one with DELETE, or wait until those that bring no media have ended.',
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitS))) },
  });
