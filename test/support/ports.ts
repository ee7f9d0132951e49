export { freePort, isPortFree } from '../../scripts/lib/ports.mjs';
