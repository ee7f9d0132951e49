// Bundles the library: index.js for bundlers and `<script type="module">`, publisher.iife.js for a plain `<script>`.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  build: {
    target: 'es2022',
    outDir: '../../dist/libs/publisher',
    emptyOutDir: true,
    sourcemap: true,
    lib: {
      entry: 'src/index.ts',
      name: 'Manycast',
      formats: ['es', 'iife'],
      fileName: (format) => (format === 'es' ? 'index.js' : 'publisher.iife.js'),
    },
  },
});
