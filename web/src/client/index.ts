/** A client of the stream `discover.v1`, without dependencies. */
export type { Frame, Occurrence, Patch, Row } from "./messages";
export { StreamState, type Effect, type TopicState } from "./state";
export { DiscoverStream, type Phase, type Status, type StreamHandlers } from "./stream";
