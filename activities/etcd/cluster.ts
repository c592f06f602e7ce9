/** A cluster as actions see it: every member is asked by itself, through its own endpoint. */
export interface EtcdCluster {
  readonly name: string
  /** One client per host (members and spares), because what one member thinks of another is not evidence. */
  endpoint(host: string): EtcdEndpoint
}

/** One member's own endpoint. Every call has a deadline and no hidden retry; throws typed errors of `errors.ts`. */
export interface EtcdEndpoint {
  readonly host: string
  readonly url: string
}
