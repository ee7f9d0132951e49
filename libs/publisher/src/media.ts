// Cameras, microphones, screens, and the element that shows the user what is being sent.

/** Cameras and microphones by name; the names are empty until the user has allowed one. */
export interface MediaDevices {
  video: { id: string; label: string }[];
  audio: { id: string; label: string }[];
}

/** Media kept for the next publication into the same element, so that the camera neither blinks nor asks again. */
const cache = new WeakMap<HTMLElement, MediaStream>();

/** The camera and microphone of these constraints. Shown in `display` and kept there when `keep` is set. */
export async function openMedia(
  constraints: MediaStreamConstraints,
  display: HTMLElement | undefined,
  keep: boolean,
): Promise<MediaStream> {
  const cached = display && cache.get(display);
  if (cached && suits(cached, constraints)) return cached;
  if (display) releaseLocalMedia(display);
  if (!isSecureContext) throw new Error('The browser gives camera and microphone only to pages on https or localhost.');
  const stream = await navigator.mediaDevices.getUserMedia(constraints).catch((error: unknown) => {
    throw new Error(explain(error), { cause: error });
  });
  if (display && keep) cache.set(display, stream);
  return stream;
}

/** Shows the stream in a `<video>`, or in one made inside any other element. Muted: nobody wants to hear himself. */
export function show(stream: MediaStream | null, display: HTMLElement | undefined): void {
  if (!display) return;
  const video =
    display instanceof HTMLVideoElement
      ? display
      : (display.querySelector('video') ?? display.appendChild(document.createElement('video')));
  video.muted = true;
  video.playsInline = true;
  video.autoplay = true;
  video.srcObject = stream;
}

/** Forgets and stops what `cacheLocalResources` kept for this element. */
export function releaseLocalMedia(display: HTMLElement): void {
  stopTracks(cache.get(display));
  cache.delete(display);
}

/** Whether this stream waits for the next publication, and must not be stopped now. */
export const isKept = (stream: MediaStream, display: HTMLElement | undefined): boolean =>
  display !== undefined && cache.get(display) === stream;

/** Turns the lights of camera and microphone off. */
export function stopTracks(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** What there is to choose from. */
export async function getMediaDevices(): Promise<MediaDevices> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const ofKind = (kind: MediaDeviceKind): { id: string; label: string }[] =>
    devices.filter((device) => device.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label }));
  return { video: ofKind('videoinput'), audio: ofKind('audioinput') };
}

/** Opens one device by its id, with what the constraints say of its kind. */
export async function openDevice(
  kind: 'video' | 'audio',
  deviceId: string,
  constraints: MediaStreamConstraints,
): Promise<MediaStreamTrack> {
  const wanted = constraints[kind];
  const stream = await openMedia(
    { [kind]: { ...(typeof wanted === 'object' ? wanted : {}), deviceId: { exact: deviceId } } },
    undefined,
    false,
  );
  return onlyTrack(stream, kind);
}

/** Lets the user choose a screen, window or tab. */
export async function openScreen(): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 } }).catch((error: unknown) => {
    throw new Error(explain(error), { cause: error });
  });
  const track = onlyTrack(stream, 'video');
  // Text stays sharp; the frame rate suffers instead.
  track.contentHint = 'detail';
  return track;
}

function onlyTrack(stream: MediaStream, kind: string): MediaStreamTrack {
  const track = stream.getTracks().find((candidate) => candidate.kind === kind);
  if (!track) throw new Error(`The browser gave no ${kind}.`);
  return track;
}

function suits(stream: MediaStream, { audio, video }: MediaStreamConstraints): boolean {
  const live = (tracks: MediaStreamTrack[], wanted: boolean): boolean =>
    wanted ? tracks.some(({ readyState }) => readyState === 'live') : tracks.length === 0;
  return live(stream.getAudioTracks(), Boolean(audio)) && live(stream.getVideoTracks(), Boolean(video));
}

/** The browser's error names, in words for whoever sits before the page. */
function explain(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return 'The use of camera, microphone or screen was not allowed.';
  if (name === 'NotFoundError') return 'No camera or microphone was found.';
  if (name === 'NotReadableError') return 'The camera or microphone is used by another program.';
  if (name === 'OverconstrainedError') return 'No camera or microphone can do what the constraints ask for.';
  return `Camera, microphone or screen could not be opened: ${error instanceof Error ? error.message : String(error)}`;
}
