export { decodeFrames, lipSync, picture, pictures, probe, steps, volumeDetect } from '../../tools/lib/ffprobe.mjs';
export { missingPictures } from '../../tools/lib/pictures.mjs';
