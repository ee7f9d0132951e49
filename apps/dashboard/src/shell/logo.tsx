/** Mark and name. */
export function Logo() {
  return (
    <span
      style={{
        display: 'inline-flex',
        alignItems: 'center',
        gap: 9,
        fontWeight: 700,
        fontSize: '1.05rem',
        letterSpacing: '-0.01em',
      }}
    >
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden>
        <rect width="32" height="32" rx="7" fill="#0b7285" />
        <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round">
          <path d="M9 16h6l7-7M15 16h7M15 16l7 7" />
        </g>
        <circle cx="9" cy="16" r="3" fill="#fff" />
      </svg>
      manycast
    </span>
  );
}
