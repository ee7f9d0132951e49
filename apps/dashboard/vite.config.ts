import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The API that `vite` in development passes requests on to. */
const API = process.env.API_URL ?? 'http://localhost:3000';

export default defineConfig({
  plugins: [react()],
  // The API replaces this word in index.html by a fresh nonce with every answer: Mantine writes <style> elements.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(['/v1', '/session', '/whip', '/openapi.json', '/docs'].map((path) => [path, API])),
  },
});
