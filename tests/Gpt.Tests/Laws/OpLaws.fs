/// What holds of the operators whatever the numbers, each law for a hundred random cases or more.
module Gpt.Tests.OpLaws

open Expecto

let tests =
    testList "laws" [
        ViewLaws.tests
        BroadcastLaws.tests
        ProductLaws.tests
        RowLaws.tests
        OrderLaws.tests
        AttentionLaws.tests
        GradientLaws.tests
        DropoutLaws.tests
        ThreadLaws.tests
    ]
