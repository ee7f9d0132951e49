import compression from 'compression';
import express, { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** What the API itself serves: a path that is none of these is the dashboard's (a deep link). */
const API = /^\/(v1|k|whip|rest-api|session|metrics|healthz|readyz|openapi\.json|websocket)(\/|$)/;
/** Files under a name of their own, of which none is the dashboard's either. */
const FILES = /^\/(docs|assets)(\/|$)/;
const YEAR_S = 31_536_000;
const NONCE = '__CSP_NONCE__';

/** For every answer: no guessing of types, no frames, no addresses of ours to others. */
export function securityHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('X-Frame-Options', 'DENY');
  next();
}

/** The dashboard, if it was built, and the API's documentation. A request of the API goes by. */
export function webPages(dashboardDir: string): RequestHandler {
  const pages = pageRouter(dashboardDir);
  return (request, response, next) => (API.test(request.path) ? next() : pages(request, response, next));
}

function pageRouter(dashboardDir: string): Router {
  const router = Router({ caseSensitive: true });
  const dir = resolve(dashboardDir);
  router.use('/docs', docs());
  const index = join(dir, 'index.html');
  if (!existsSync(index)) return router;
  const html = readFileSync(index, 'utf8');
  // File names hold a hash of their content.
  router.use(
    '/assets',
    compression(),
    express.static(join(dir, 'assets'), { index: false, immutable: true, maxAge: YEAR_S * 1000 }),
  );
  // The page is a file, too, and has its policy under that name as well.
  const setHeaders = (response: ServerResponse): void => {
    response.setHeader('Content-Security-Policy', policy({ style: "'self'", more: MEDIA }));
  };
  const files = express.static(dir, { index: false, setHeaders });
  router.use((request, response, next) => (FILES.test(request.path) ? next() : files(request, response, next)));
  router.use((request, response, next) => {
    if (request.method !== 'GET' || FILES.test(request.path) || !request.headers.accept?.includes('text/html'))
      return next();
    const nonce = randomBytes(16).toString('base64');
    response.setHeader('Content-Security-Policy', policy({ style: `'self' 'nonce-${nonce}'`, more: MEDIA }));
    response.setHeader('Cache-Control', 'no-cache');
    response.type('html').send(html.replaceAll(NONCE, nonce));
  });
  return router;
}

const MEDIA = ["media-src 'self' blob:", "worker-src 'self' blob:"];

function policy({ style, more = [] }: { style: string; more?: string[] }): string {
  const base = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${style}`,
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "font-src 'self'",
  ];
  return [...base, ...more, "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"].join('; ');
}

const DOCS = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>manycast API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>`;
const START =
  "window.SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });";

/** Swagger UI over our own document, from our own host. */
function docs(): RequestHandler {
  const files = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const router = Router();
  router.use((_request, response, next) => {
    // Its components carry style attributes.
    response.setHeader('Content-Security-Policy', policy({ style: "'self' 'unsafe-inline'" }));
    next();
  });
  router.get('/', (_request, response) => {
    response.type('html').send(DOCS);
  });
  router.get('/start.js', (_request, response) => {
    response.type('js').send(START);
  });
  router.use(express.static(files, { index: false, maxAge: 3_600_000 }));
  return router;
}
