/** The page's own icons: one stroke weight, drawn on a 24-unit square. */
import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

const HEXAGON = "M12 2.8 20 7.4v9.2L12 21.2 4 16.6V7.4Z";

/** The mark: a gong in its frame, seen from the front, with the boss in the middle. */
export const MarkIcon = () => (
  <Icon>
    <path d={HEXAGON} />
    <circle cx="12" cy="12" r="5.2" />
    <circle cx="12" cy="12" r="1.6" fill="currentColor" stroke="none" />
  </Icon>
);
export const ClaimIcon = () => (
  <Icon>
    <path d="M6 21.2V3.2" />
    <path d="M6 4.4c3-1.9 5.6 1.7 8.6 .4 1.3-.5 2.3-1 3.4-1v8.200c-3.2 .1-4.4 1.5-6.6 1.1-2.1-.4-3.3-1.5-5.4-.5" />
  </Icon>
);
export const PlantIcon = () => (
  <Icon>
    <path d="M12 21v-8.5" />
    <path d="M12 13.500C12 9 8.8 6.6 4 6.800c0 4.6 3.2 6.9 8 6.700Z" />
    <path d="M12 11c0-4.2 2.9-6.6 8-6.6 0 4.6-3.2 7-8 6.600Z" />
    <path d="M7.5 21h9" />
  </Icon>
);
export const HarvestIcon = () => (
  <Icon>
    <path d="M5 20.5 9.3 16" />
    <path d="M8 17.400c7.8 1.6 12.5-3 11.6-9.300C18.8 5 16.4 3.3 13.6 3c3.1 3.2 2.5 9-5.6 14.400Z" />
  </Icon>
);
export const HelpIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="9" />
    <path d="M9.4 9.300c.3-3.4 5.6-3.2 5.3 .1-.2 2-2.7 2.1-2.7 4.3" />
    <path d="M12 17.100v.1" />
  </Icon>
);
export const EyeIcon = () => (
  <Icon>
    <path d="M2.5 12c4.6-7.6 14.4-7.6 19 0-4.6 7.6-14.4 7.6-19 0Z" />
    <circle cx="12" cy="12" r="2.9" />
  </Icon>
);
export const PatternIcon = () => (
  <Icon>
    <path d={HEXAGON} />
    <path d="M8 9.500v5M12 7.500v9M16 9.500v5" />
  </Icon>
);
export const CloseIcon = () => (
  <Icon>
    <path d="m6 6 12 12M18 6 6 18" />
  </Icon>
);
export const CompassIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="9" />
    <path d="m15.6 8.4-2 5.2-5.2 2 2-5.200Z" />
  </Icon>
);
