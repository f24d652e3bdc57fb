namespace Gpt

type Dataset = { Text: string }

module Datasets =
    let resolve (name: string) : Result<Dataset, string> =
        Ok {
            Text = System.IO.File.ReadAllText name
        }

    let describe (d: Dataset) = string d.Text.Length
