/** The status and metadata with which a server ended a call. */
export interface Trailers {
  /** The gRPC status code, 0 to 16. */
  status: number;
  /** The status text, percent-decoded; may be empty. */
  message: string;
  /** All trailing metadata, `grpc-status-details-bin` included. */
  headers: Headers;
}
