/** What a browser remembers of a session across reloads: who we are and which sequence number comes next. */

export interface SavedSession {
  token: string;
  lastSeq: number;
  /** Name given at join; empty before. */
  name: string;
  /** Our player slot as the server last confirmed it; −1 when not known. */
  slot: number;
}

export interface SessionMemory {
  load(): SavedSession | undefined;
  save(session: SavedSession): void;
}

const KEY = "gamelan.session";

/** Memory in localStorage; where that is forbidden (private modes) it lasts as long as the page. */
export class BrowserMemory implements SessionMemory {
  private fallback: SavedSession | undefined;

  load(): SavedSession | undefined {
    try {
      const saved = localStorage.getItem(KEY);
      return saved === null ? this.fallback : validate(JSON.parse(saved));
    } catch {
      return this.fallback;
    }
  }

  save(session: SavedSession): void {
    this.fallback = { ...session };
    try {
      localStorage.setItem(KEY, JSON.stringify(session));
    } catch {
      /* storage is full or forbidden: the fallback holds until the page is left */
    }
  }
}

export function validate(value: unknown): SavedSession | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { token, lastSeq, name, slot } = value as Record<string, unknown>;
  if (typeof token !== "string" || !token) return undefined;
  return {
    token,
    lastSeq: Number.isSafeInteger(lastSeq) ? (lastSeq as number) : 0,
    name: typeof name === "string" ? name : "",
    slot: Number.isSafeInteger(slot) ? (slot as number) : -1,
  };
}
