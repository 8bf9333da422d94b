export { listenEmbedded, type ListenEmbeddedOptions, type ListeningEmbedded } from "./listen.js";
