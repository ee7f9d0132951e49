import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { closeAll, connect, failure, KEY, server } from '../../../../../test/support/rtmp-publishing.js';
import type { ScriptedRtmpServer } from '../../../../../test/support/scripted-rtmp-server.js';

afterEach(closeAll);

describe('a redirect', () => {
  const to = (port: number, path = 'edge') => ({
    refuse: 'NetConnection.Connect.Rejected',
    description: '[ code=302 ] moved',
    redirect: `rtmp://127.0.0.1:${port}/${path}`,
  });

  it('at connect is followed with the stream key, to the application that it names', async () => {
    const edge = await server();
    const entry = await server({ connect: () => to(edge.port) });
    const publisher = await connect(entry.port);
    expect(edge.connects[0]).toMatchObject({ app: 'edge', tcUrl: `rtmp://127.0.0.1:${edge.port}/edge` });
    expect(edge.commands.at(-1)).toEqual(['publish', null, KEY, 'live']);
    await expect.poll(() => entry.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    publisher.sendAudio(0, Buffer.from([1]));
    await expect.poll(() => edge.media).toHaveLength(1);
  });

  it('at publish is followed, too, with the key that it names', async () => {
    const edge = await server();
    const entry = await server({ publish: to(edge.port, `other/${KEY.replace('t0ken', 'n3w')}`) });
    await connect(entry.port);
    expect(edge.connects[0]).toMatchObject({ app: 'other' });
    expect(edge.commands.at(-1)?.[2]).toBe(KEY.replace('t0ken', 'n3w'));
  });

  it('is followed three times', async () => {
    const last = await server();
    const third = await server({ connect: () => to(last.port) });
    const second = await server({ connect: () => to(third.port) });
    const first = await server({ connect: () => to(second.port) });
    await connect(first.port);
    expect(last.connects).toHaveLength(1);
    const before = await server({ connect: () => to(first.port) });
    expect(await failure(before.port)).toMatchObject({ code: 'redirected', detail: 'again after 3 redirects' });
    const circle: ScriptedRtmpServer = await server({ connect: () => to(circle.port) });
    expect((await failure(circle.port)).code).toBe('redirected');
    expect(circle.connects).toHaveLength(4);
  });

  it.each([
    ['rtmp://10.0.0.1/edge', 'address_forbidden', undefined],
    ['rtmp://[::1]/edge', 'address_forbidden', undefined],
    ['rtmp://169.254.169.254/edge', 'address_forbidden', undefined],
    [`http://127.0.0.1/${KEY}`, 'redirected', 'to a URL that cannot be used'],
    [`rtmp://${KEY}`, 'redirected', 'to a URL that cannot be used'],
    ['', 'redirected', 'it does not say where to'],
  ])('to %j goes nowhere', async (redirect, code, detail) => {
    const entry = await server({ connect: () => ({ refuse: 'NetConnection.Connect.Rejected', redirect }) });
    const error = await failure(entry.port, { allowList: AllowList.parse('127.0.0.1') });
    expect(error).toMatchObject({ code });
    expect(error.detail).toBe(detail);
    expect(error.message).not.toContain('check its path');
    for (const secret of ['k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
  });
});

describe('authentication', () => {
  const md5 = (text: string, encoding: 'hex' | 'base64'): string => createHash('md5').update(text).digest(encoding);
  const credentials = 'us%C3%A9r:p%40ss@';

  it('answers the challenge of Adobe', async () => {
    const rtmp = await server({
      connect: ({ app }, turn) => {
        const query = new URLSearchParams((app as string).replace(/^live\??/, '').replaceAll('+', '%2B'));
        if (turn === 1)
          return { refuse: 'x', description: '[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ' };
        if (turn === 2)
          return {
            refuse: 'x',
            description: `[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=${query.get('user')}&salt=S+lt=&challenge=Ch&opaque=Op+q=`,
          };
        const ours = query.get('challenge') ?? '';
        return query.get('response') === md5(`${md5('usérS+lt=p@ss', 'base64')}Op+q=${ours}`, 'base64')
          ? 'accept'
          : { refuse: 'x', description: '?reason=authfailed' };
      },
    });
    await connect(rtmp.port, {}, { credentials });
    expect(rtmp.connects).toHaveLength(3);
    expect(rtmp.connects[0]?.app).toBe('live');
    expect(JSON.stringify(rtmp.connects)).not.toContain('p@ss');
  });

  it('answers the challenge of Limelight', async () => {
    const rtmp = await server({
      connect: ({ app }, turn) => {
        const query = new URLSearchParams((app as string).replace(/^live\??/, ''));
        if (turn === 1) return { refuse: 'x', description: '[ code=403 need auth; authmod=llnw ]' };
        if (turn === 2) return { refuse: 'x', description: '[ authmod=llnw ] : ?reason=needauth&nonce=N0nce' };
        const expected = md5(
          `${md5('usér:live:p@ss', 'hex')}:N0nce:00000001:${query.get('cnonce')}:auth:${md5('publish:/live/_definst_', 'hex')}`,
          'hex',
        );
        return query.get('response') === expected ? 'accept' : { refuse: 'x', description: '?reason=authfailed' };
      },
    });
    await connect(rtmp.port, {}, { credentials });
    expect(rtmp.connects).toHaveLength(3);
  });

  it('says so when the password is wrong', async () => {
    const rtmp = await server({
      connect: (_, turn) => ({
        refuse: 'x',
        description: turn === 1 ? '[ code=403 need auth; authmod=adobe ]' : '[ authmod=adobe ] : ?reason=nosuchuser',
      }),
    });
    expect((await failure(rtmp.port, {}, { credentials })).code).toBe('auth_failed');
  });
});
