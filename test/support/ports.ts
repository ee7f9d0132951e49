export { freePort, isPortFree } from '../../tools/lib/ports.ts';
