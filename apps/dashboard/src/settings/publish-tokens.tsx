import { Group, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { entryPoints, type PublishToken } from '../api/index.js';
import { CopyLine, NewSecret } from '../parts/copy.js';
import { Card } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import type { EntryPointPath } from './entry-point-page.js';

const LIVES = [
  { value: '3600', label: 'An hour' },
  { value: '86400', label: 'A day' },
  { value: '2592000', label: '30 days' },
  { value: '31536000', label: 'A year' },
];

/** Tokens for publishers, with lines to paste into their programs. */
export function PublishTokens({ appid, entryPoint }: EntryPointPath) {
  const form = useForm({
    initialValues: { streamName: '', expiresIn: '86400' },
    validate: {
      streamName: (value) =>
        value === '' || /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
          ? null
          : 'Letters, digits, dots, underscores and hyphens',
    },
  });
  const make = useMutation({
    mutationFn: ({ streamName, expiresIn }: { streamName: string; expiresIn: string }) =>
      entryPoints.publishToken(appid, entryPoint, {
        ...(streamName ? { streamName } : {}),
        expiresIn: Number(expiresIn),
      }),
  });
  return (
    <Card title="Publish" note="Share this token so someone can publish here without your secret.">
      <Stack gap="md">
        <form onSubmit={form.onSubmit((values) => make.mutate(values))}>
          <Group align="flex-end" gap="xs">
            <TextInput
              label="Stream name"
              description="Empty: any name"
              placeholder="show"
              {...form.getInputProps('streamName')}
            />
            <Select
              label="Expires in"
              description="Then a new one is needed"
              data={LIVES}
              allowDeselect={false}
              {...form.getInputProps('expiresIn')}
            />
            <WorkButton type="submit" busy={make.isPending}>
              Create token
            </WorkButton>
          </Group>
        </form>
        {make.data && <Lines made={make.data} streamName={form.values.streamName || 'show'} />}
      </Stack>
    </Card>
  );
}

function Lines({ made: { token, whipUrl }, streamName }: { made: PublishToken; streamName: string }) {
  const url = whipUrl.replace('{stream_name}', streamName);
  return (
    <Stack gap="sm">
      <NewSecret
        title="The token"
        lines={[
          ['OBS: Settings, Stream, Service WHIP, Server', url],
          ['OBS: Bearer Token', token],
        ]}
      />
      <CopyLine
        label="ffmpeg with its WHIP muxer (8.0 or newer)"
        value={`ffmpeg -re -i clip.mp4 -c:v libx264 -pix_fmt yuv420p -profile:v baseline -bf 0 -g 60 -c:a libopus -ar 48000 -ac 2 -f whip -authorization "${token}" "${url}"`}
      />
      <CopyLine
        label="GStreamer"
        value={`gst-launch-1.0 whipclientsink name=w signaller::whip-endpoint="${url}" signaller::auth-token="${token}" videotestsrc is-live=true ! video/x-raw,width=1280,height=720 ! w. audiotestsrc is-live=true ! w.`}
      />
      <CopyLine
        label="curl, with an SDP offer in offer.sdp"
        value={`curl -i -X POST -H "Authorization: Bearer ${token}" -H "Content-Type: application/sdp" --data-binary @offer.sdp "${url}"`}
      />
    </Stack>
  );
}
