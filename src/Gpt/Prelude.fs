module Gpt.Prelude
let x = 1
