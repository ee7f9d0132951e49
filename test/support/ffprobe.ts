export { decodeFrames, lipSync, picture, pictures, probe, steps, volumeDetect } from '../../scripts/lib/ffprobe.mjs';
export { missingPictures } from '../../scripts/lib/pictures.mjs';
