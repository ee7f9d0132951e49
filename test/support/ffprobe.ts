export { decodeFrames, probe, steps, volumeDetect } from '../../scripts/lib/ffprobe.mjs';
