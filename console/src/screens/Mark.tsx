/** The product's sign. */
export const Mark = ({ size = 22 }: { size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="mark">
    <rect width="32" height="32" rx="8" />
    <path d="M8 22V11.5l8 6.5 8-6.5V22" />
    <circle cx="8" cy="11.5" r="2.6" />
    <circle cx="24" cy="11.5" r="2.6" />
  </svg>
);
