export { freePort, isPortFree } from '../../tools/lib/ports.mjs';
