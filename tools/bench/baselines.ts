// What the same work costs by hand: programs that people would use in our place.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../lib/ports.ts';
import { cpuPercent } from './measure.ts';

const VIDEO = '-c:v libx264 -preset ultrafast -tune zerolatency -b:v 2500k -maxrate 2500k -bufsize 2500k -g 60';

/** CPU in % of a core of one `ffmpeg -c copy` from the demo server to the platform: what relaying a destination by hand costs. */
export async function baselineCopy(rtmpPort: number, platformPort: number, seconds: number): Promise<number> {
  const source = `rtmp://127.0.0.1:${rtmpPort}/live/source`;
  const inputs = '-v error -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine';
  const feed = start('ffmpeg', `${inputs} ${VIDEO} -c:a aac -f flv ${source}`);
  try {
    await sleep(2500);
    const target = `rtmp://127.0.0.1:${platformPort}/live/copy-${Date.now()}`;
    return await costOf(start('ffmpeg', `-v error -i ${source} -c copy -f flv ${target}`), seconds);
  } finally {
    await end(feed);
  }
}

/** The same graph in one gst-launch, fed by plain RTP: no WebRTC, no control. */
export async function baselineGst(platformPort: number, seconds: number): Promise<number> {
  const [video, audio] = [await freePort(), await freePort()];
  const feed = start(
    'gst-launch-1.0',
    '-q videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1' +
      ' ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2500 key-int-max=60' +
      ' ! video/x-h264,profile=constrained-baseline ! rtph264pay pt=96 config-interval=-1' +
      ` ! udpsink host=127.0.0.1 port=${video} sync=false` +
      ' audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt=111' +
      ` ! udpsink host=127.0.0.1 port=${audio} sync=false`,
  );
  try {
    const graph = start(
      'gst-launch-1.0',
      `-q udpsrc port=${video} caps=application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000` +
        ' ! rtpjitterbuffer ! rtph264depay ! h264parse ! m.video' +
        ` udpsrc port=${audio} caps=application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000` +
        ' ! rtpjitterbuffer ! rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=2' +
        ' ! voaacenc bitrate=128000 ! m.audio' +
        ' flvmux name=m streamable=true ! rtmp2sink sync=false chunk-size=65536' +
        ` location=rtmp://127.0.0.1:${platformPort}/live/bare-${Date.now()}`,
    );
    return await costOf(graph, seconds);
  } finally {
    await end(feed);
  }
}

/** Once it has begun; then it ends. */
async function costOf(child: ChildProcess, seconds: number): Promise<number> {
  try {
    await sleep(3000);
    return await cpuPercent([Number(child.pid)], seconds);
  } finally {
    await end(child);
  }
}

function start(program: string, args: string): ChildProcess {
  const child = spawn(program, args.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', (error) => process.stderr.write(`${program}: ${error.message}\n`));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
