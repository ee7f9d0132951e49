import { All, Controller, NotFoundException } from '@nestjs/common';

const ENTRY_POINT = 'entry_points/:entryPoint';
const below = (path: string): string[] => [path, `${path}/{*rest}`];

/** What Agora's API has beside forwarding, and manycast does not: 404 with a sentence that says so, which a mistake in a path does not get. */
@Controller('v1/projects/:appid/fls')
export class NotOursController {
  @All([...below(`${ENTRY_POINT}/settings/record`), ...below(`${ENTRY_POINT}/admin/record`)])
  recording(): never {
    throw notOurs('Recording', 'Forward the stream to a server that records, beside the others.');
  }

  @All(below(`${ENTRY_POINT}/settings/snapshot`))
  snapshots(): never {
    throw notOurs(
      'Snapshots and moderation',
      'A thumbnail of the last seconds is at fls/streams/{streamId}/thumbnail.',
    );
  }

  @All(below(`${ENTRY_POINT}/settings/watermark`))
  watermarks(): never {
    throw notOurs('Watermarks', 'Add them to the video before it is published.');
  }

  @All(below(`${ENTRY_POINT}/settings/transcode`))
  transcoding(): never {
    throw notOurs(
      'Renditions for players',
      'Each transfer may be encoded on its own: options of transferUrls and of fls/streams/{streamId}/transfers.',
    );
  }

  @All(below(`${ENTRY_POINT}/settings/origin_site`))
  originSites(): never {
    throw notOurs('Origin sites', 'Streams are published to manycast, and not fetched for players.');
  }

  @All(below(`${ENTRY_POINT}/admin/delayed_streams`))
  delays(): never {
    throw notOurs('Delayed playback', 'Nothing is played from here.');
  }

  @All([...below(`${ENTRY_POINT}/reports/publish_quality`), ...below(`${ENTRY_POINT}/reports/stream_play_statistic`)])
  statistics(): never {
    throw notOurs(
      'Reports of quality and of players',
      'Figures of streams and transfers are at fls/streams and in the event feed.',
    );
  }

  @All([...below('domains'), ...below('certificates')])
  domains(): never {
    throw notOurs(
      'Domains and certificates',
      "Publishers use the service's own host; the key of signed publish URLs is the project's authKey (PATCH /v1/projects/{appid}).",
    );
  }

  @All(below('settings/notification'))
  notifications(): never {
    throw notOurs('Notifications', 'What happens is told by fls/events and fls/events/stream.');
  }
}

const notOurs = (what: string, instead: string): Error =>
  new NotFoundException({
    message: `${what}: not part of manycast, which forwards live streams.`,
    detail: instead,
    code: 'not_ours',
  });
