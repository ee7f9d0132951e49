export { Env, loadEnv } from './env.js';
export { ConfigModule } from './config.module.js';
export { createLogger, type Logger } from './logger.js';
