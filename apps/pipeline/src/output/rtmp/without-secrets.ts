import { maskSecrets, type TransferTarget } from '#libs/transfer';
import type { Status } from './status.js';

const MAX_LENGTH = 200;
/** Shorter values of query parameters, and instances, are flags and versions: masking each `1` would leave nothing to read. */
const SECRET_VALUE_LENGTH = 4;
/** What servers say by themselves; all else in a code may be an echo. Adobe's list, and what others add to it. */
const KNOWN_CODE =
  /^(NetConnection\.(Connect\.(Success|Rejected|Failed|Closed|AppShutdown|InvalidApp|IdleTimeout|NetworkChange)|Call\.(Failed|BadVersion|Prohibited))|NetStream\.(Publish\.(Start|BadName|Denied|Unauthori[sz]ed|Rejected|Failed|Idle)|Unpublish\.Success|Connect\.(Success|Failed|Rejected|Closed)|Failed|Record\.(Failed|NoAccess)))$/;

/** A server's words as they may be stored and shown: servers like to repeat the key they were given. */
export function withoutSecrets(text: string, ...targets: TransferTarget[]): string {
  // What challenges carry (salts, nonces, responses) helps nobody who reads an error.
  const plain = text.replace(/\?reason=\S+/g, '');
  return maskSecrets(plain, targets.flatMap(secretsOf), MAX_LENGTH);
}

/** A status in one line; undefined when it says nothing. */
export function describeStatus({ code, description }: Status, ...targets: TransferTarget[]): string | undefined {
  const shown = [
    KNOWN_CODE.test(code) ? code : withoutSecrets(code, ...targets),
    withoutSecrets(description, ...targets),
  ].filter((part) => part !== '');
  return shown.length === 0 ? undefined : shown.join(': ').slice(0, MAX_LENGTH).toWellFormed();
}

/** Every part of what we tell the server, and told those that led to it, but the application's own name. */
function secretsOf({ streamName, app, user, password, redirectedFrom }: TransferTarget): string[] {
  const queries = [queryOf(streamName), queryOf(app)];
  const values = queries
    .flatMap((query) => query.split(/[&;]/))
    .map((parameter) => parameter.slice(parameter.indexOf('=') + 1));
  const name = pathOf(streamName);
  const instances = pathOf(app)
    .split('/')
    .slice(1)
    .filter((instance) => instance !== '_definst_');
  const parts = [...values, ...instances, ...name.split('/')].filter(({ length }) => length >= SECRET_VALUE_LENGTH);
  // A key typed without its application stands in the application's place.
  const appOnly = streamName === '' ? [pathOf(app)] : [];
  return [
    streamName,
    name,
    ...appOnly,
    ...queries,
    ...parts,
    user ?? '',
    password ?? '',
    ...(redirectedFrom ? secretsOf(redirectedFrom) : []),
  ];
}

const pathOf = (text: string): string => text.replace(/\?.*/s, '');
const queryOf = (text: string): string => (text.includes('?') ? text.slice(text.indexOf('?') + 1) : '');
