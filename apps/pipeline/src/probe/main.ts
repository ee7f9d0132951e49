/** One probe in a process of its own: a platform that floods it delays nothing else. Takes its question from stdin, and answers in a line on stdout. */
import { text } from 'node:stream/consumers';
import { AllowList } from '#libs/net';
import { probe } from './probe.js';
import type { ProbeQuestion } from '#libs/protocol';

// Not among the arguments: the URL holds a stream key, and every process of the machine can read those.
const { target, options, rules } = JSON.parse(await text(process.stdin)) as ProbeQuestion;
const result = await probe(target, options, AllowList.parse(rules));
process.stdout.write(JSON.stringify(result), () => process.exit(0));
