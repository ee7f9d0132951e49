import {
  Alert,
  Button,
  createTheme,
  Modal,
  Notification,
  Table,
  Tooltip,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';

/** The one accent; its seventh shade carries white text (5.6:1). */
const tide: MantineColorsTuple = [
  '#e8f7fa',
  '#d0ecf1',
  '#a3d9e3',
  '#71c4d3',
  '#49b2c5',
  '#2a9fb4',
  '#15899f',
  '#0b7285',
  '#095f6f',
  '#074b58',
];

export const theme = createTheme({
  primaryColor: 'tide',
  colors: { tide },
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  headings: {
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1rem', lineHeight: '1.4' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
    },
  },
  components: {
    Button: Button.extend({ defaultProps: { size: 'sm' } }),
    Modal: Modal.extend({ defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 8, horizontalSpacing: 'sm' } }),
    Tooltip: Tooltip.extend({
      defaultProps: { events: { hover: true, focus: true, touch: true }, withArrow: true, openDelay: 200 },
    }),
    Alert: Alert.extend({ defaultProps: { variant: 'light' } }),
  },
});

/** Mantine's own dimmed and light-variant texts are too pale to read (below 4.5:1). */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f6f8f9',
    '--mantine-color-dimmed': '#535d66',
    '--mantine-color-placeholder': '#6b747c',
    '--mantine-color-error': '#c0271e',
    '--mantine-color-tide-light-color': '#085a69',
    '--mantine-color-red-light-color': '#a51d16',
    '--mantine-color-red-outline': '#b3261e',
    '--mantine-color-red-text': '#b3261e',
    '--mantine-color-red-filled': '#c0271e',
    '--mantine-color-anchor': '#0a6678',
    '--mantine-color-orange-light-color': '#8a3b00',
  },
  dark: {
    '--mantine-color-body': '#12171b',
    '--mantine-color-dimmed': '#a3b0ba',
    '--mantine-color-placeholder': '#8b98a3',
    '--mantine-color-error': '#ff8a80',
    '--mantine-color-tide-light-color': '#8ddcea',
    '--mantine-color-red-light-color': '#ffb3ad',
    '--mantine-color-red-filled': '#b3261e',
    '--mantine-color-orange-light-color': '#ffc078',
    '--mantine-color-default-border': '#2c363d',
    '--mantine-color-default': '#1c2429',
    '--mantine-color-default-hover': '#243038',
    '--mantine-color-text': '#dce3e8',
    '--mantine-color-dark-9': '#0b0f12',
    '--mantine-color-dark-8': '#101519',
    '--mantine-color-dark-7': '#171e23',
    '--mantine-color-dark-6': '#1c2429',
    '--mantine-color-dark-5': '#243038',
    '--mantine-color-dark-4': '#2f3b43',
    '--mantine-color-dark-3': '#45535d',
  },
});

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"], meta[name="csp-nonce"]');

/** What allows our own <style> elements under the page's Content-Security-Policy. */
export const styleNonce = nonce?.nonce || nonce?.content || '';
