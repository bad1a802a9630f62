/** A ring around the selected cell that never gets smaller than the eye can find. */
import { DoubleSide, Mesh, MeshBasicMaterial, RingGeometry, Vector3 } from "three";

/** Least radius on the screen, CSS pixels. */
const LEAST_PIXELS = 13;

export class Marker {
  readonly mesh = new Mesh(
    new RingGeometry(0.86, 1, 48),
    new MeshBasicMaterial({
      color: "#fff1d2",
      transparent: true,
      depthTest: false,
      depthWrite: false,
      side: DoubleSide,
    }),
  );

  constructor() {
    this.mesh.visible = false;
    this.mesh.renderOrder = 10;
  }

  hide(): void {
    this.mesh.visible = false;
  }

  /**
   * @param up unit direction of the cell
   * @param radius distance of its top from the middle of the planet
   * @param pixel height of one CSS pixel at distance 1
   * @param tile radius of a tile; the ring fades as the tile itself fills it
   * @param breath −1..1
   */
  place(up: Vector3, radius: number, eye: Vector3, pixel: number, tile: number, breath: number): void {
    const at = up.clone().multiplyScalar(radius + 0.001);
    const least = LEAST_PIXELS * pixel * at.distanceTo(eye);
    this.mesh.visible = at.dot(eye) > 1 && least > tile * 0.55;
    this.mesh.position.copy(at);
    this.mesh.lookAt(at.clone().add(up));
    this.mesh.scale.setScalar(Math.max(least, tile * 1.25) * (1 + 0.06 * breath));
    this.mesh.material.opacity = Math.min(1, Math.max(0, (least / tile - 0.55) * 1.4)) * (0.85 + 0.15 * breath);
  }
}
