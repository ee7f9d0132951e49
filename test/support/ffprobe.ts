export { decodeFrames, missing, probe, steps, volumeDetect } from '../../scripts/lib/ffprobe.mjs';
