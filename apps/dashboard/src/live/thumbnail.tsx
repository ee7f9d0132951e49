import { IconPhotoOff, IconVideo } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { streams } from '../api/index.js';
import { useNow } from '../parts/now.js';

/** How often a picture is asked for again. */
const REFRESH_MS = 5000;

/** The stream's newest key frame; a sign in its place while there is none. */
export function Thumbnail({
  appid,
  streamId,
  running,
  large,
}: {
  appid: string;
  streamId: string;
  running: boolean;
  large?: boolean;
}) {
  const now = useNow();
  const version = running ? Math.floor(now / REFRESH_MS) : 0;
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    // The next picture takes the place of the last one when it is there, not before: no flicker.
    const image = new Image();
    const url = streams.thumbnailUrl(appid, streamId, version);
    image.onload = () => setShown(url);
    image.src = url;
    return () => {
      image.onload = null;
    };
  }, [appid, streamId, version]);
  const Sign = running ? IconVideo : IconPhotoOff;
  return (
    <div className="thumb" data-large={large || undefined}>
      {shown === null ? (
        <Sign size={large ? 40 : 22} stroke={1.4} aria-label="No thumbnail yet" />
      ) : (
        <img src={shown} alt="" />
      )}
    </div>
  );
}
