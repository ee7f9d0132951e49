import {
  All,
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpException,
  Logger,
  Options,
  Param,
  Patch,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { readOffer } from '#libs/sdp';
import { Public } from '../../auth/caller.js';
import { refuse } from '../../http/problem.js';
import { PublishAccess, PublishParams, type PublishPath } from '../tokens/publish-access.js';
import { PublisherPushes } from '../../flashphoner/rest/publisher-pushes.js';
import { PublishService } from '../publish/publish.service.js';
import type { PublishTarget } from '../publish/publisher.js';
import { mapSdpErrors } from './sdp-errors.js';
import {
  bearerToken,
  hasType,
  iceServerLink,
  proofOf,
  RTMP_ERROR_HEADER,
  RTMP_URL_HEADER,
  urlSignature,
  urlToken,
  SDP,
  SDP_FRAGMENT,
  sendExact,
} from './whip-http.js';
import { WhipLimit } from './whip-limit.js';
import { WhipService } from './whip.service.js';

/** WHIP (RFC 9725). The publish token opens the endpoint; afterwards, the unguessable session URL is the key. */
@Public()
@Controller('whip')
export class WhipController {
  private readonly logger = new Logger(WhipController.name);

  constructor(
    private readonly access: PublishAccess,
    private readonly pushes: PublisherPushes,
    private readonly whip: WhipService,
    private readonly publisher: PublishService,
    private readonly limit: WhipLimit,
    private readonly env: Env,
  ) {}

  @Post(':appid/:entryPoint/:streamName')
  async publish(@PublishParams() path: PublishPath, @Req() request: Request, @Res() response: Response): Promise<void> {
    await this.limit.countAddress(request.ip);
    const { target, seen } = await this.access.arrive(path, {
      token: bearerToken(request),
      signature: urlSignature(request),
    });
    await this.limit.countEntryPoint(target.entryPointId);
    if (!hasType(request, SDP))
      throw refuse(415, `The offer must be sent as ${SDP}.`, { headers: { 'Accept-Post': SDP } });
    if (!request.accepts(SDP)) throw refuse(406, `The answer is ${SDP}, which the Accept header rules out.`);
    const offer = bodyText(request);
    const { iceUfrag } = mapSdpErrors(() => readOffer(offer));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const publisher = {
      offer,
      iceUfrag,
      clientIp: request.ip,
      userAgent: request.get('user-agent'),
      proof: proofOf(request),
      host: request.get('host'),
      token: urlToken(request),
    };
    const { sessionId, etag, sdp } = await this.publisher.publish(target, publisher, gone.signal, seen);
    // An absolute path without a query: OBS replaces the path of the endpoint's URL with it.
    response.setHeader('Location', `/whip/sessions/${sessionId}`);
    response.setHeader('ETag', `"${etag}"`);
    response.setHeader('Accept-Patch', SDP_FRAGMENT);
    this.addIceServers(response);
    const rtmpUrl = request.get(RTMP_URL_HEADER);
    if (rtmpUrl !== undefined) await this.push(sessionId, target, rtmpUrl, response);
    sendExact(response, 201, SDP, sdp);
  }

  /** Both a CORS preflight, which needs no token, and a client's question what it may send and which ICE servers to use. */
  @Options(':appid/:entryPoint/:streamName')
  endpointOptions(@Req() request: Request, @Res() response: Response): void {
    response.setHeader('Accept-Post', SDP);
    if (request.headers['access-control-request-method'] === undefined) this.addIceServers(response);
    response.status(200).end();
  }

  @Options('sessions/:session')
  sessionOptions(@Res() response: Response): void {
    response.setHeader('Accept-Patch', SDP_FRAGMENT);
    response.status(200).end();
  }

  @Get(':appid/:entryPoint/:streamName')
  @HttpCode(204)
  getEndpoint(): void {
    // RFC 9725 reserves GET: success, and nothing to see.
  }

  @Get('sessions/:session')
  @HttpCode(204)
  async getSession(@Param('session') session: string, @Req() request: Request): Promise<void> {
    await this.limit.countAddress(request.ip);
    await this.whip.running(session);
  }

  @Patch('sessions/:session')
  async patch(@Param('session') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    await this.limit.countAddress(request.ip);
    if (!hasType(request, SDP_FRAGMENT)) {
      throw refuse(415, `Candidates must be sent as ${SDP_FRAGMENT}.`, { headers: { 'Accept-Patch': SDP_FRAGMENT } });
    }
    const session = await this.whip.running(id);
    await this.limit.countEntryPoint(session.entryPointId);
    const restarted = await this.whip.patch(session, bodyText(request), request.headers['if-match'], () =>
      this.limit.countRestart(session.id),
    );
    if (restarted === undefined) {
      response.status(204).end();
      return;
    }
    response.setHeader('ETag', `"${restarted.etag}"`);
    sendExact(response, 200, SDP_FRAGMENT, restarted.fragment);
  }

  /** Beyond WHIP: clients that do not know the session's URL (Cloudflare's sample) end what their token opened under this name. */
  @Delete(':appid/:entryPoint/:streamName')
  @HttpCode(200)
  async endOfToken(@PublishParams() path: PublishPath, @Req() request: Request): Promise<void> {
    await this.limit.countAddress(request.ip);
    const target = await this.access.authorise(path, {
      token: bearerToken(request),
      signature: urlSignature(request),
    });
    await this.limit.countEntryPoint(target.entryPointId);
    await this.whip.end(await this.whip.openedBy(target, proofOf(request)));
  }

  @Delete('sessions/:session')
  @HttpCode(200)
  async end(@Param('session') id: string, @Req() request: Request): Promise<void> {
    await this.limit.countAddress(request.ip);
    const session = await this.whip.running(id);
    await this.limit.countEntryPoint(session.entryPointId);
    await this.whip.end(session);
  }

  @All([':appid/:entryPoint/:streamName', 'sessions/:session'])
  other(@Req() request: Request): never {
    const allow = request.path.startsWith('/whip/sessions/')
      ? 'GET, PATCH, DELETE, OPTIONS'
      : 'GET, POST, DELETE, OPTIONS';
    throw refuse(405, 'WHIP has no such method here.', { headers: { Allow: allow } });
  }

  /** A push that cannot be does not cost the publisher the stream: a header says why. */
  private async push(sessionId: string, target: PublishTarget, rtmpUrl: string, response: Response): Promise<void> {
    try {
      await this.pushes.push(sessionId, target, rtmpUrl);
    } catch (error) {
      const isOurs = !(error instanceof HttpException);
      if (isOurs) this.logger.warn(`push of session's stream not begun: ${String(error).slice(0, 200)}`);
      response.setHeader(
        RTMP_ERROR_HEADER,
        isOurs ? 'Internal error' : error.message.replace(/[^ -~]/g, '?').slice(0, 200),
      );
    }
  }

  private addIceServers(response: Response): void {
    if (this.env.STUN_SERVER !== undefined) response.setHeader('Link', iceServerLink(this.env.STUN_SERVER));
  }
}

/** The body as text; damaged UTF-8 shows up as replacement characters, which the SDP checks let pass only where text is free. */
function bodyText(request: Request): string {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body.toString('utf8') : '';
}
