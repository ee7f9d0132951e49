export { addressRules } from './address-rules.js';
export { Env, loadEnv } from './env.js';
export { ConfigModule } from './config.module.js';
export { misspeltVariables } from './misspelt.js';
export { endInTime } from './end-in-time.js';
export { addLogFields, logFields, withLogFields, type LogFields } from './log-fields.js';
export { createLogger, type Logger, nestLogger } from './logger.js';
export { secretOf } from './secret-files.js';
export { VERSION } from './version.js';
