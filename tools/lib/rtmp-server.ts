// A private nginx with its RTMP module: stands in for a platform in demos and tests. Touches no system configuration.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Daemon, endWithParent, startDaemon } from './daemon.ts';
import { messageOf } from './errors.ts';
import { freePort, isPortFree } from './ports.ts';
import { which } from './which.ts';

/** The `load_module` line for the RTMP module, '' when it is compiled in, undefined when it is not there. */
export function rtmpModule(nginx: string): string | undefined {
  // nginx -V writes to stderr.
  const built = execFileSync('sh', ['-c', '"$0" -V 2>&1', nginx], { encoding: 'utf8' });
  if (/--add-module=\S*rtmp/.test(built)) return '';
  const dirs = [/--modules-path=(\S+)/.exec(built)?.[1], '/usr/lib/nginx/modules', '/usr/lib64/nginx/modules'];
  const file = dirs
    .filter((dir) => dir !== undefined)
    .map((dir) => join(dir, 'ngx_rtmp_module.so'))
    .find(existsSync);
  return file && `load_module ${file};`;
}

interface Configuration {
  loadModule: string;
  dir: string;
  rtmpPort: number;
  statPort: number;
  app: string;
  onPublishUrl: string | undefined;
  record: boolean;
}

function configuration(wanted: Configuration): string {
  const { loadModule, dir, rtmpPort, statPort, app, onPublishUrl, record } = wanted;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path "${dir}/tmp-${kind}";`,
  );
  return `${loadModule}
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid "${dir}/nginx.pid";
error_log "${dir}/error.log" warn;
events { worker_connections 1024; }
rtmp {
  server {
    listen 127.0.0.1:${rtmpPort};
    chunk_size 4096;
    application ${app} {
      live on;
      ${onPublishUrl ? `on_publish ${onPublishUrl};` : ''}
      ${record ? `record all; record_path "${dir}/recordings"; record_unique on;` : 'record off;'}
    }
  }
}
http {
  access_log off;
${temporary.join('\n')}
  server {
    listen 127.0.0.1:${statPort};
    location = /stat { rtmp_stat all; }
    location /control { rtmp_control all; }
  }
}
`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
}

export interface RtmpServer extends Daemon {
  /** `rtmp://127.0.0.1:<port>/<app>`, without a stream name. */
  url: string;
  statUrl: string;
  controlUrl: string;
  port: number;
  app: string;
  /** A folder with an FLV file of each publication, when `record` is on. */
  recordings: string;
}

interface RtmpServerOptions {
  dir: string;
  port?: number;
  app?: string;
  onPublishUrl?: string;
  record?: boolean;
}

/** Starts the server. `port` is wished for: when it is taken another one is used, and the result says which. */
export async function startRtmpServer(options: RtmpServerOptions): Promise<RtmpServer> {
  const { dir, port: wished, app = 'live', onPublishUrl, record = false } = options;
  const nginx = which('nginx');
  const loadModule = nginx && rtmpModule(nginx);
  if (nginx === undefined || loadModule === undefined) {
    throw new Error('nginx with its RTMP module is not installed: apt-get install nginx libnginx-mod-rtmp');
  }
  mkdirSync(join(dir, 'recordings'), { recursive: true, mode: 0o700 });
  // A port found free may be gone a moment later: two more tries.
  for (let attempt = 1; ; attempt++) {
    const port = attempt === 1 && wished && (await isPortFree(wished)) ? wished : await freePort();
    const statPort = await freePort();
    const file = join(dir, 'nginx.conf');
    writeFileSync(file, configuration({ loadModule, dir, rtmpPort: port, statPort, app, onPublishUrl, record }), {
      mode: 0o600,
    });
    try {
      const { pid, exited, stop } = await startDaemon({
        name: 'nginx (RTMP)',
        command: endWithParent([nginx, '-p', dir, '-e', 'stderr', '-c', file], 'SIGTERM'),
        cwd: dir,
        logFile: join(dir, 'nginx.log'),
        isReady: async () => (await accepts(port)) && (await accepts(statPort)),
      });
      const base = `http://127.0.0.1:${statPort}`;
      const urls = { url: `rtmp://127.0.0.1:${port}/${app}`, statUrl: `${base}/stat`, controlUrl: `${base}/control` };
      return { ...urls, port, app, recordings: join(dir, 'recordings'), pid, exited, stop };
    } catch (error) {
      if (attempt === 3 || !/Address already in use/.test(messageOf(error))) throw error;
    }
  }
}
