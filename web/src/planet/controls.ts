/** Pointers and wheel on the canvas: drag turns, two fingers or the wheel zoom, a short press picks. */
import type { OrbitCamera } from "./orbit_camera.ts";

/** A press that moved further than this is a drag, in CSS pixels. */
const CLICK_SLOP = 5;

export interface PointerHandlers {
  onPick(x: number, y: number): void;
  onHover(x: number, y: number): void;
  onLeave(): void;
}

export function attachControls(canvas: HTMLCanvasElement, orbit: OrbitCamera, handlers: PointerHandlers): void {
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  let lastMoveMs = 0;
  let fling = { longitude: 0, latitude: 0, seconds: 0 };

  const radiansPerPixel = () => {
    const slope = (2 * Math.tan((orbit.camera.fov * Math.PI) / 360)) / canvas.clientHeight;
    return Math.min(slope * orbit.height, 0.012);
  };
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) travelled = 0;
    fling = { longitude: 0, latitude: 0, seconds: 0 };
    lastMoveMs = event.timeStamp;
    orbit.hold();
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return handlers.onHover(event.clientX, event.clientY);
    const apart = pointers.size === 2 ? spread() : 0;
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    travelled += Math.hypot(dx, dy);
    if (pointers.size === 2) {
      orbit.zoom(apart / Math.max(1, spread()));
    } else if (travelled > CLICK_SLOP) {
      const scale = radiansPerPixel();
      const longitude = (-dx * scale) / Math.max(0.25, Math.cos(Math.asin(orbit.target.z)));
      fling = { longitude, latitude: dy * scale, seconds: (event.timeStamp - lastMoveMs) / 1000 };
      lastMoveMs = event.timeStamp;
      orbit.drag(longitude, dy * scale, 0);
    }
  });

  canvas.addEventListener("pointerup", (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    if (travelled <= CLICK_SLOP) handlers.onPick(event.clientX, event.clientY);
    else if (event.timeStamp - lastMoveMs < 60) orbit.drag(fling.longitude, fling.latitude, fling.seconds);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => handlers.onLeave());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      orbit.zoom(Math.exp(Math.max(-240, Math.min(240, event.deltaY * lines)) * 0.0016));
    },
    { passive: false },
  );
}
