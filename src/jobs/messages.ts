/** What a command that runs as a job tells its worker over the channel between them. */
export type JobMessage =
  | { readonly progress: Progress }
  | { readonly failure: { readonly code: string; readonly message: string } };

export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}
