namespace Gpt

open System
open System.IO
open System.Net.Http
open System.Threading

/// What a caller may show while the Hub is at work.
[<RequireQualifiedAccess>]
type HubEvent =
    /// So many bytes of a file are there, and its size where the server has told it.
    | Receiving of file: string * received: int64 * size: int64 option
    /// Nothing is asked of the server for so long, and why.
    | Waiting of reason: string * time: TimeSpan
    /// Another process is downloading the same file; this one waits until it is done.
    | Sharing of file: string

/// Whom to ask, where to keep, and how patiently. `Hub.settings` makes one from the environment.
type HubSettings = {
    /// The address of the Hub, such as https://huggingface.co.
    Endpoint: string
    /// The cache folder; made when first needed.
    Cache: string
    /// Sent to the endpoint, and to no other host.
    Token: string option
    /// Ask nobody; the cache must have it.
    Offline: bool
    /// How often in a row a request that failed for a passing reason and brought nothing is made again; 0 or more.
    Retries: int
    /// The longest silence of a server before the connection counts as cut. Slow bytes are no silence.
    Patience: TimeSpan
    /// Lets the time before another try pass.
    Delay: TimeSpan -> unit
    /// Is told what happens.
    Progress: HubEvent -> unit
    /// Sends requests. It must not follow redirects itself: they decide who sees the token.
    Handler: HttpMessageHandler
}

[<RequireQualifiedAccess>]
module HubSettings =

    // One for the process: it keeps connections open between files.
    let private handler =
        lazy
            (new SocketsHttpHandler(
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds 10.0,
                PooledConnectionLifetime = TimeSpan.FromMinutes 5.0
            ))

    let private isTrue (text: string) = List.contains (text.Trim().ToUpperInvariant()) [ "1"; "ON"; "YES"; "TRUE" ]

    /// The token that `hf auth login` has left behind.
    let private tokenFile (variable: string -> string option) =
        let path =
            variable "HF_TOKEN_PATH"
            |> Option.defaultWith (fun () -> Path.Combine(HubCache.home variable, "token"))

        try
            Some(File.ReadAllText path)
        with
        | :? IOException
        | :? UnauthorizedAccessException -> None

    /// Settings as huggingface_hub takes them from the environment, in which `variable` looks a name up: HF_ENDPOINT;
    /// HF_HUB_CACHE, HF_HOME; HF_TOKEN, or the file `token` in HF_HOME; HF_HUB_OFFLINE. Five retries, half a minute of patience.
    let fromEnvironment (variable: string -> string option) : HubSettings =
        let variable name = variable name |> Option.filter (String.IsNullOrWhiteSpace >> not)

        {
            Endpoint = (variable "HF_ENDPOINT" |> Option.defaultValue "https://huggingface.co").Trim().TrimEnd '/'
            Cache = HubCache.folder variable
            Token =
                variable "HF_TOKEN"
                |> Option.orElseWith (fun () -> variable "HUGGING_FACE_HUB_TOKEN")
                |> Option.orElseWith (fun () -> tokenFile variable)
                |> Option.map _.Trim()
                |> Option.filter ((<>) "")
            Offline =
                variable "HF_HUB_OFFLINE"
                |> Option.orElseWith (fun () -> variable "TRANSFORMERS_OFFLINE")
                |> Option.exists isTrue
            Retries = 5
            Patience = TimeSpan.FromSeconds 30.0
            Delay = fun (time: TimeSpan) -> Thread.Sleep time
            Progress = ignore
            Handler = handler.Value
        }
