/**
 * A camera above a point of the planet, north up. Far away it looks straight down at the middle of the planet;
 * close to the ground it leans back, so that the horizon comes into view. Moves have inertia unless motion is
 * to be reduced.
 */
import { PerspectiveCamera, Vector3 } from "three";

const MIN_ALTITUDE = 0.07;
const MAX_ALTITUDE = 4.2;
const MAX_LATITUDE = (86 * Math.PI) / 180;
/** Time constants, seconds: how fast a fling dies down, how fast zoom and flights close in on their goal. */
const FLING_SECONDS = 0.35;
const FOLLOW_SECONDS = 0.14;

export class OrbitCamera {
  readonly camera = new PerspectiveCamera(38, 1, 0.01, 400);
  inertia = true;
  private longitude = 0;
  private latitude = 0.32;
  private altitude = 2.05;
  private goal: { longitude: number; latitude: number } | undefined;
  private altitudeGoal = 2.05;
  private spin = { longitude: 0, latitude: 0 };
  private shiftX = 0;

  get eye(): Vector3 {
    return this.camera.position;
  }

  get height(): number {
    return this.altitude;
  }

  /** Unit direction to the point the camera stands above. */
  get target(): Vector3 {
    return direction(this.longitude, this.latitude);
  }

  setAspect(width: number, height: number): void {
    this.camera.aspect = width / Math.max(1, height);
    // A narrow window shows the whole planet's width too.
    this.camera.fov =
      this.camera.aspect < 1
        ? 2 * Math.atan(Math.tan((19 * Math.PI) / 180) / this.camera.aspect) * (180 / Math.PI)
        : 38;
    this.camera.updateProjectionMatrix();
  }

  /** Moves the planet beneath the pointer, in radians of longitude and latitude. */
  drag(longitude: number, latitude: number, seconds: number): void {
    this.goal = undefined;
    this.turn(longitude, latitude);
    if (!this.inertia || seconds <= 0) return;
    this.spin = { longitude: longitude / seconds, latitude: latitude / seconds };
  }

  hold(): void {
    this.spin = { longitude: 0, latitude: 0 };
    this.goal = undefined;
  }

  /** Adds to the speed of turning, radians a second; for keys. */
  push(longitude: number, latitude: number): void {
    this.goal = undefined;
    if (this.inertia) {
      this.spin.longitude += longitude;
      this.spin.latitude += latitude;
    } else this.turn(longitude * 0.4, latitude * 0.4);
  }

  zoom(factor: number): void {
    this.altitudeGoal = Math.min(MAX_ALTITUDE, Math.max(MIN_ALTITUDE, this.altitudeGoal * factor));
    if (!this.inertia) this.altitude = this.altitudeGoal;
  }

  /** Flies above a unit direction, and to an altitude when one is given. */
  flyTo(x: number, y: number, z: number, altitude?: number): void {
    this.spin = { longitude: 0, latitude: 0 };
    this.goal = { longitude: Math.atan2(y, x), latitude: Math.asin(Math.max(-1, Math.min(1, z))) };
    if (altitude !== undefined) this.altitudeGoal = Math.min(MAX_ALTITUDE, Math.max(MIN_ALTITUDE, altitude));
    if (!this.inertia) this.settle();
  }

  /** Ends every movement where it was going. */
  settle(): void {
    if (this.goal) {
      this.longitude = this.goal.longitude;
      this.latitude = clampLatitude(this.goal.latitude);
    }
    this.altitude = this.altitudeGoal;
    this.hold();
    this.place();
  }

  /** Leaves room for panels: moves the picture right by a share of the window's width. */
  setShift(share: number): void {
    this.shiftX = share;
  }

  update(seconds: number): void {
    const follow = 1 - Math.exp(-seconds / FOLLOW_SECONDS);
    this.altitude += (this.altitudeGoal - this.altitude) * follow;
    if (this.goal) {
      const around = wrap(this.goal.longitude - this.longitude);
      const upward = clampLatitude(this.goal.latitude) - this.latitude;
      this.turn(around * follow, upward * follow);
      if (Math.abs(around) + Math.abs(upward) < 1e-5) this.goal = undefined;
    } else {
      const kept = Math.exp(-seconds / FLING_SECONDS);
      this.turn(this.spin.longitude * seconds, this.spin.latitude * seconds);
      this.spin.longitude *= kept;
      this.spin.latitude *= kept;
    }
    this.place();
  }

  private turn(longitude: number, latitude: number): void {
    this.longitude = wrap(this.longitude + longitude);
    this.latitude = clampLatitude(this.latitude + latitude);
  }

  private place(): void {
    const ground = this.target;
    const east = new Vector3(-Math.sin(this.longitude), Math.cos(this.longitude), 0);
    const north = new Vector3().crossVectors(ground, east);
    const near = 1 - Math.min(1, Math.max(0, (this.altitude - 0.1) / 1.1));
    const lean = near * near * (3 - 2 * near) * 0.98;
    this.camera.position
      .copy(ground)
      .addScaledVector(ground, this.altitude * Math.cos(lean))
      .addScaledVector(north, -this.altitude * Math.sin(lean));
    this.camera.up.copy(north);
    this.camera.lookAt(ground.multiplyScalar(1 - 0.35 * (1 - near)));
    this.camera.near = Math.max(0.004, this.altitude * 0.12);
    this.camera.far = 220;
    this.camera.updateProjectionMatrix();
    if (this.shiftX) this.camera.projectionMatrix.elements[8] -= 2 * this.shiftX;
    this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert();
    this.camera.updateMatrixWorld();
  }
}

function direction(longitude: number, latitude: number): Vector3 {
  return new Vector3(
    Math.cos(latitude) * Math.cos(longitude),
    Math.cos(latitude) * Math.sin(longitude),
    Math.sin(latitude),
  );
}

function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

function clampLatitude(latitude: number): number {
  return Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
}
