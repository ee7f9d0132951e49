export { Env, loadEnv } from './env.js';
export { ConfigModule } from './config.module.js';
export { createLogger, type Logger, nestLogger } from './logger.js';
export { VERSION } from './version.js';
