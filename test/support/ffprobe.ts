export { decodeFrames, lipSync, picture, pictures, probe, steps, volumeDetect } from '../../tools/lib/ffprobe.ts';
export { missingPictures } from '../../tools/lib/pictures.ts';
