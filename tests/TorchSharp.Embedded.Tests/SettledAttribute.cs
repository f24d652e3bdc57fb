using System.Reflection;
using Xunit.v3;

namespace TorchSharp.Tests;

/// <summary>
/// For tests that count tensors or memory: before each, the collector takes back what earlier tests dropped, so that it
/// cannot do so in the middle of the count.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SettledAttribute : BeforeAfterTestAttribute
{
    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        // Twice: a block's finalizer hands it back to the pool, which is another object to look at.
        for (var round = 0; round < 2; round++)
        {
            torch.ones(1).Dispose();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
