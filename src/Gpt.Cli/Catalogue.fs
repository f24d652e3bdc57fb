namespace Gpt.Cli

/// A command as the list of commands has it: known without making the command, so that `gpt --help` makes none.
type Entry = {
    Name: string
    Summary: string
    /// Command lines that a reader can try, each with what it does.
    Examples: (string * string) list
}

/// The commands with their examples, in the order of the help.
[<RequireQualifiedAccess>]
module Catalogue =

    let private entry name summary examples = {
        Name = name
        Summary = summary
        Examples = examples
    }

    let all: Entry list = [
        entry "train" "Train a model on a text, from scratch or from a checkpoint." [
            "on Shakespeare, a few minutes", "gpt train"
            "on a text of your own", "gpt train --data my.txt --steps 500 --out runs/mine"
            "a larger model", "gpt train --layers 6 --dim 192 --heads 6 --context 128"
            "go on from a checkpoint", "gpt train --from runs/shakespeare --data my.txt --out runs/tuned"
            "a long run, saved on the way", "gpt train --data my.txt --steps 20000 --out runs/long --save-every 500"
            "go on with it after Ctrl-C or a crash", "gpt train --data my.txt --resume runs/long"
            "with less memory", "gpt train --batch 64 --context 256 --recompute --accumulate 4"
        ]
        entry "generate" "Write text with a trained model." [
            "go on from a prompt", "gpt generate --prompt \"HAMLET:\""
            "wilder, but from the likely tokens alone", "gpt generate --temperature 1.2 --top-k 40 --top-p 0.95"
            "the most likely text", "gpt generate --beams 5 --max-new-tokens 60"
            "what fits a pattern", "gpt generate --regex \"[A-Z]+:\" --max-new-tokens 30"
            "for a program", "gpt generate --samples 3 --max-new-tokens 40 --json"
        ]
        entry "tokenize" "Show the tokens of a text, or the text of tokens." [
            "the tokens of a text", "gpt tokenize --text \"to be\""
            "and back", "gpt tokenize --decode --text \"1 2 3\""
        ]
        entry "steps" "Show generation step by step: candidates, probabilities, what was picked." [
            "three steps", "gpt steps --prompt \"to be\" --steps 3"
            "drawn, with eight candidates", "gpt steps --sample --top 8"
        ]
        entry "warpers" "Show the next token's distribution before any warper and after each" [
            "the usual three", "gpt warpers --prompt \"to be\""
            "others, and a picture", "gpt warpers --temperature 1.5 --min-p 0.1 --svg warpers.svg"
        ]
        entry "attention" "Show what each token of a prompt looks at." [
            "one head", "gpt attention --prompt \"to be or not\" --layer 0 --head 1"
            "a picture of all", "gpt attention --prompt \"to be or not\" --svg attention.svg"
        ]
        entry "compare" "Write from one prompt by several strategies and compare the texts." [
            "four strategies, two temperatures", "gpt compare --max-new-tokens 50"
            "a picture of the numbers", "gpt compare --max-new-tokens 20 --runs 2 --svg compare.svg"
        ]
        entry "temperature" "Show what temperature does to a distribution." [
            "the article's figure", "gpt temperature --svg temperature.svg"
            "other logits", "gpt temperature --logits 2,1,0 --temperatures 0.7,1,1.3"
        ]
        entry "info" "Show what a model is made of." [
            "a checkpoint", "gpt info --model runs/shakespeare"
            "GPT-2, by its sizes", "gpt info --preset gpt2"
            "the memory that it takes", "gpt info --preset gpt2 --memory --batch 4 --dtype bfloat16"
        ]
        entry "eval" "Measure how well a model predicts a text: its perplexity." [
            "a text", "gpt eval --data my.txt"
            "with the window moved by 16 tokens", "gpt eval --data my.txt --stride 16 --json"
        ]
        entry "export" "Write a model as a folder that Hugging Face transformers loads." [
            "a copy", "gpt export --model runs/shakespeare --out copy"
        ]
        entry "bench" "Measure speed and memory on this machine." [
            "training", "gpt bench train --steps 20"
            "the memory of training beside what is foretold", "gpt bench memory --batch 32 --dropout 0.1"
            "generation", "gpt bench generate --new-tokens 1000 --json"
        ]
        entry "download" "Download a model from the Hugging Face Hub and print its folder." [
            "GPT-2", "gpt download openai-community/gpt2"
        ]
        entry "doctor" "Check this machine and say what is missing." [
            "what is there", "gpt doctor"
            "for a program", "gpt doctor --device cpu --json"
        ]
        entry "completion" "Print a script that lets a shell complete the arguments of gpt." [
            "in bash", "gpt completion bash"
            "in zsh", "gpt completion zsh"
        ]
    ]
