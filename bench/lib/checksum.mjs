/**
 * Adds up what was read, so that two contestants can be compared and no field that counts is left untouched. Cheap in
 * the timed rounds, where it looks at the ends of each value; `full` looks at every byte and character.
 */
export class Checksum {
  #full;
  events = 0;
  positions = 0;
  bytes = 0;
  text = 0;

  constructor(full) {
    this.#full = full;
  }

  /** An event's position and data: what every consumer reads. */
  event(position, data) {
    this.events++;
    this.positions += position;
    this.data(data);
  }

  data(data) {
    const { length } = data;
    let sum = (Math.imul(this.bytes, 31) + length) | 0;
    if (this.#full) for (let n = 0; n < length; n++) sum = (Math.imul(sum, 31) + data[n]) | 0;
    else if (length > 0) sum = (Math.imul(sum, 31) + data[0] + data[length - 1]) | 0;
    this.bytes = sum;
  }

  string(text) {
    const { length } = text;
    let sum = (Math.imul(this.text, 31) + length) | 0;
    if (this.#full) for (let n = 0; n < length; n++) sum = (Math.imul(sum, 31) + text.charCodeAt(n)) | 0;
    else if (length > 0) sum = (Math.imul(sum, 31) + text.charCodeAt(0) + text.charCodeAt(length - 1)) | 0;
    this.text = sum;
  }

  /** A number below 2^53: positions and times of the measured data are. */
  number(value) {
    this.positions += value;
  }

  toString() {
    return `${this.events} events, numbers ${this.positions}, bytes ${this.bytes}, text ${this.text}`;
  }
}
