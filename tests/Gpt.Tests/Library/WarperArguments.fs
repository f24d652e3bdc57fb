/// What warpers refuse, as soon as it is given and before any logits.
module Gpt.Tests.WarperArguments

open System
open Expecto
open Gpt
open Gpt.Tests.Logits

let private refused (warper: string) (name: string) (make: unit -> 'made) (value: string) =
    testCase $"{warper}: {name} {value} is refused before any logits" (fun () ->
        let message =
            Expect.throwsC (fun () -> make () |> ignore) (fun e ->
                Expect.isTrue (e :? ArgumentOutOfRangeException) "kind of error"
                e.Message)

        Expect.stringContains message $"{name} is {value}; it must be" "name, value and range")

let private texts = historyOf [ [] ]
let private dry change () = Penalties.dry (change Dry.defaults) texts

let tests =
    testList "arguments of warpers" [
        refused "temperature" "temperature" (fun () -> Warpers.temperature 0.0) "0"
        refused "temperature" "temperature" (fun () -> Warpers.temperature -1.0) "-1"
        refused "temperature" "temperature" (fun () -> Warpers.temperature nan) "NaN"
        refused "dynamicTemperature" "low" (fun () -> Warpers.dynamicTemperature -0.5 1.0 1.0) "-0.5"
        refused "dynamicTemperature" "high" (fun () -> Warpers.dynamicTemperature 1.0 0.5 1.0) "0.5"
        refused "dynamicTemperature" "high" (fun () -> Warpers.dynamicTemperature 0.0 0.0 1.0) "0"
        refused "dynamicTemperature" "exponent" (fun () -> Warpers.dynamicTemperature 0.5 1.0 -1.0) "-1"
        refused "topK" "k" (fun () -> Warpers.topK 0) "0"
        refused "topP" "p" (fun () -> Warpers.topP 0.0) "0"
        refused "topP" "p" (fun () -> Warpers.topP 1.5) "1.5"
        refused "topP" "p" (fun () -> Warpers.topP nan) "NaN"
        refused "topA" "a" (fun () -> Warpers.topA 1.5) "1.5"
        refused "minP" "p" (fun () -> Warpers.minP -0.5) "-0.5"
        refused "typical" "p" (fun () -> Warpers.typical 0.0) "0"
        refused "epsilonCutoff" "epsilon" (fun () -> Warpers.epsilonCutoff 1.0) "1"
        refused "etaCutoff" "epsilon" (fun () -> Warpers.etaCutoff nan) "NaN"
        refused "topNSigma" "n" (fun () -> Warpers.topNSigma 0.0) "0"
        refused "xtc" "probability" (fun () -> Warpers.xtc 1.5 0.1) "1.5"
        refused "xtc" "threshold" (fun () -> Warpers.xtc 0.5 -0.1) "-0.1"
        refused "guidance" "scale" (fun () -> Warpers.guidance nan (one [| 0f |])) "NaN"
        refused "repetition" "penalty" (fun () -> Penalties.repetition 0.0 texts) "0"
        refused "presenceAndFrequency" "presence" (fun () -> Penalties.presenceAndFrequency nan 0.0 texts) "NaN"
        refused "noRepeatNgram" "size" (fun () -> Penalties.noRepeatNgram 0 texts) "0"
        refused "last" "n" (fun () -> Penalties.last -1 texts) "-1"
        refused "dry" "Multiplier" (dry (fun options -> { options with Multiplier = -1.0 })) "-1"
        refused "dry" "Base" (dry (fun options -> { options with Base = 0.5 })) "0.5"
        refused "dry" "AllowedLength" (dry (fun options -> { options with AllowedLength = 0 })) "0"
        refused
            "dry"
            "Breakers"
            (dry (fun options -> {
                options with
                    Breakers = [ [ 1 ]; [] ]
            }))
            "[[1]; []]"
        refused "dry" "LastN" (dry (fun options -> { options with LastN = Some -2 })) "-2"
        refused "mirostat" "Tau" (fun () -> Mirostat.start { Tau = -1.0; Eta = 0.1 } 1) "-1"
        refused "mirostat" "Eta" (fun () -> Mirostat.start { Tau = 5.0; Eta = nan } 1) "NaN"
        refused "mirostat" "rows" (fun () -> Mirostat.start Mirostat.defaults 0) "0"
        refused "mirostat" "mu" (fun () -> Mirostat.warp [| 1.0; nan |]) "NaN"
        refused "logit" "biases" (fun () -> Biases.logit [ 1, 0.5; -3, 1.0 ]) "-3"
        refused "logit" "bias" (fun () -> Biases.logit [ 1, nan ]) "NaN"
        refused "sequence" "biases" (fun () -> Biases.sequence [ [], 1.0 ] texts) "[]"
        refused "badWords" "words" (fun () -> Biases.badWords [ [ 1; -1 ] ] texts) "-1"
        refused "banned" "tokens" (fun () -> Biases.banned [ -1 ]) "-1"
        refused "allowed" "tokens" (fun () -> Biases.allowed []) "[]"
        refused "forcedFirst" "produced" (fun () -> Biases.forcedFirst [ 1 ] -1) "-1"
        refused "minimumLength" "minimum" (fun () -> Biases.minimumLength -1 [ 0 ] 0) "-1"
        refused "minimumLength" "endTokens" (fun () -> Biases.minimumLength 1 [ -4 ] 9) "-4"
    ]
